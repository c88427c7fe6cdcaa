"""Sessions on the server: started with two proofs, ended by the person, by time, or by a change of standing."""
