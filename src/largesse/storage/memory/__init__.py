"""largesse in this process alone: the model that every other adapter is held against."""
