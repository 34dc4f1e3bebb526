"""Inference backends with a common interface: OpenVINO for CPUs, torch for CUDA devices.

This package imports nothing, so that a backend is loaded only when it is used.
"""
