"""Pictures: of one run, and of many beside each other."""

# The figures of every run, each a PNG file of that name: here, so that asking which are missing draws nothing
FIGURES = ("learning_curves", "filters", "feature_maps", "confusion_matrix", "most_confidently_wrong")
