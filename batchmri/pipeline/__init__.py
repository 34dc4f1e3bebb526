"""Wires the stages: index, plan, decode, classify, draw, export."""
