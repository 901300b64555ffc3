class DictDatabase: pass
