"""Cost functions: of one prediction, of several classes, in regression, and of pairs of points."""
