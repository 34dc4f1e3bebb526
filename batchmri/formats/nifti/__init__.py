"""NIfTI and Analyze: headers, sidecars, BIDS names and volumes."""
