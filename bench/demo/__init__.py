"""The demo data set: procedural cars in a studio, drawn on any machine in Kaggle's layout.

folder.py writes the files. A car is a mesh of triangles (mesh.py, shape.py, body.py, parts.py) with
painted sheets (sheet.py, skin.py). photograph.py takes its views: a z-buffer (raster.py) finds what
is visible, shader.py and light.py light it in front of a studio (studio.py).
"""
