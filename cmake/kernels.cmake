nibble_layer(kernels DEPENDS base formats)
