"""File formats: headers as `Instance`, pixels as slices in display orientation. No torch."""
