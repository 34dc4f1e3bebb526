"""How the shipped weights were made and judged: tables, training, comparison."""
