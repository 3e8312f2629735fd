class ProgramDoors:
    def version(self): return "x"
