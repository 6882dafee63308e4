from served_shop import address, own_shop, photo, trained_shop  # noqa: F401  # fixtures
