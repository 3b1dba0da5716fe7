"""Reviews of a million ads: streams in and out, goes on after a kill, says how far it is.

source ──rows──► read ahead ──ads──► client ──decisions──► journal (the out file)
   ▲                                                          │
   └────────────── what stands is not sent again ◄────────────┘
"""
