"""The judge: proofs of digits, comparisons, and the tables they fill."""
