"""Statistics of earthquake catalogues: completeness, b-value, clusters, blasts and copies."""
