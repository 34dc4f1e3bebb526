"""What runs the network: OpenVINO on processors, torch on CUDA, behind one small interface.

Nothing is imported here, so that each backend is loaded only where it runs.
"""
