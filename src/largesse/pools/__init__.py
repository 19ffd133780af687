"""Code pools: codes of a reward, made ahead for somebody else to hand out, and their files."""
