"""The page and the API that cut cars out on this machine: `carvana-bench serve`.

connection (how long a client may take) -> guard (who may ask, how much) -> app (what can be asked)
-> queue (one batch at a time) -> cutout
"""
