"""What a model costs to develop, to train and to run, and how each figure was obtained."""
