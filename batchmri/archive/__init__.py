"""Archive: instances to series, and which series to classify. Headers only, no torch."""
