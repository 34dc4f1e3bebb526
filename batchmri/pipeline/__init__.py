"""The stages of a scan: index, plan, decode, classify, draw, export."""
