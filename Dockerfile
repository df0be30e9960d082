# The benchmark and the server as an image; docs/installing.md#docker has the commands.
FROM python:3.11-slim

# Where PyTorch comes from: its own index has builds without CUDA, PyPI's have it.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=export,serve

WORKDIR /opt/carvana-bench
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bench bench
COPY models models
RUN pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -c constraints.txt ".[$EXTRAS]"

# Data, runs and submissions lie in /work, which is mounted; whoever runs it has no home but /tmp.
ENV CARVANA_BENCH_HOME=/work
ENV HOME=/tmp
ENV NUMBA_CACHE_DIR=/tmp/numba
WORKDIR /work
USER 1000
EXPOSE 8000
ENTRYPOINT ["carvana-bench"]
CMD ["--help"]
