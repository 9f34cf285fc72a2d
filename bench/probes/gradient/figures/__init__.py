"""The figures of gradients: by distance from the loss, at states, through training, reach and cost.

Every function takes the records, or the rows of a table, of one facet and returns a figure, or None
where there is too little to draw. A log axis has no place for zero, so zeros get a strip of their
own below it; what is no number, and a training that ended early, is said in words in its panel.
"""
