"""The HTML report: a folder of pages that work from `file://`, without a server or a network."""
