"""Work that outlives a request: asked for, taken by one worker at a time, ended, cleaned up."""
