"""state.db: the files, series and results of an output, kept between runs."""
