"""One entry of the trail: what it says, what it hangs on, and the proof that it stands in the sealed tree."""
