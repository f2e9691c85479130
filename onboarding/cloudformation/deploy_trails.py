REGIONAL_TEMPLATE = "@@regional_trail@@"
