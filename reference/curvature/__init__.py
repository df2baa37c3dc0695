"""Matrices: Hessian, Gauss-Newton, Fisher, Kronecker factors; as operators, whole, in blocks."""
