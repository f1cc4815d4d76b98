"""The Jupyter server extension: standard library and jupyter_server only, never torch."""
