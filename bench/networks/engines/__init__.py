"""The engines that run converted networks on a CPU."""
