"""What several sources share: options, tables, class lists, splits."""
