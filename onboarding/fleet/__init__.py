"""What do pages over the whole fleet show? Read models for infosec's views; nothing here changes anything."""
