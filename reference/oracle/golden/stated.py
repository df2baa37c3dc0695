"""The conventions of every pack, in the words of its manifest."""

CONVENTIONS = {
    "reduction": "L = (1/R) sum_n w_n loss_n + (l2/2)|theta|^2; R = N for \"mean\", what the "
                 "labels count for \"mean over labels\", 1 for \"sum\"; nothing else divides by N",
    "loss": "labels at places are summed over an example's places; squared error is |z - y|^2/2",
    "vec": "row-major: vec(V) = V.reshape(-1)",
    "parameters": "theta is the matrices W one after the other, each (O, I) row by row, the bias "
                  "as the last column; theta[entries.NAME] is PyTorch's array NAME",
    "Kronecker": "G (x) A = numpy.kron(G, A) of shape (O I, O I): (G (x) A) vec(V) = vec(G V A^T)",
    "factors": "T places share W: expand, A = sum_nt w_n p p^T/(T sum_n w_n) and G = (1/R) sum_nt "
               "w_n E[g g^T], labels drawn from the model; reduce, the same for the mean of p and "
               "the sum of g over t; p ends in the constant 1",
    "damping": "(G + sqrt(lam)/pi I) (x) (A + sqrt(lam) pi I), "
               "pi^2 = (tr A/I)/(tr G/O), rule \"pi\"",
    "Fisher": "type-2: expectation over the model's labels; empirical: the labels of the data; "
              "Monte-Carlo forms are not in packs",
}
