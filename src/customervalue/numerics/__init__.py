"""Special functions, quadrature and compression: pure functions of arrays."""
