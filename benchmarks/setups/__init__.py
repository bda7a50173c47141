"""Our own middleware in each of its adapters, around an application that does nothing."""
