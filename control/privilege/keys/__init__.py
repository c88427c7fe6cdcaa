"""Connection keys of other systems: issued by document, bound to holder and source, with a quota (S3-8.1)."""
