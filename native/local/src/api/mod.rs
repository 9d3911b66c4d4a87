//! What the Kubernetes API says about objects: schemas, metadata, patches, field ownership, selectors, tables, discovery.
//! Pure functions over JSON values; nothing here stores, sends or waits.
