"""What a number is: floats of every precision, dual numbers, bicomplex numbers, balls, tapes.

A number system is one module that holds a small vocabulary of array functions
(`functions.VOCABULARY`); `namespace` reads off an array which module acts on it.
"""
