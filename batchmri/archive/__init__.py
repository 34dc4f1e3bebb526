"""Group instances into series and select the series to classify. Uses headers only, no torch."""
