"""The page and the API that cut cars out on this machine: `carvana-bench serve`.

guard (who may ask, how much) -> app (what can be asked) -> queue (one batch at a time) -> cutout
"""
