"""What do the pages show of a run? Computed from what is stored; nothing here writes, and nothing asks AWS."""
