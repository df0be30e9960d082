"""Which cut-outs need a look: doubt is measured on maps, calibrated on held-out cars and listed."""
