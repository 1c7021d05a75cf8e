"""Parts that two rooms or more use: registry, preprocessing, pooling, heads, quantizer, masks, gathering."""
