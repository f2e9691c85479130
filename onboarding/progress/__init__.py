"""What do the pages show of a run? Computed from what is stored; nothing writes, nothing asks AWS."""
