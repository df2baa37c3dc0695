"""Matrices: Hessian, Gauss-Newton, Fisher, Kronecker factors; as operators, whole, and in blocks."""
