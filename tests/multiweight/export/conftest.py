from served_shop import own_shop, photo, trained_shop  # noqa: F401  # fixtures
