"""The page and the API that cut cars out on this machine: `carvana-bench serve`.

guard (who may ask, how much) -> app (what can be asked) -> desk (one at a time) -> cutout
"""
