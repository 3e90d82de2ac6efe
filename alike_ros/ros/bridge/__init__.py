"""Parts of bridge_node, one file a consumer."""
