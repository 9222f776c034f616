"""Gemini Embedding 2: one vector for each short piece of a clip, from Google's service, paid for once.

service    what is asked of whom, at what price and under which terms; which settings are allowed
faults     what an answer means: ask again, leave this piece, or stop
client     one request through google-genai
limits     rate, pauses and spending, shared by all workers
store      cache of vectors and ledger of requests: what is paid for is kept
asking     one piece, asked for until it is taken or refused
embedding  the run: cache first, then one request alone, then many at a time
stand_in   a local server that answers like the service, from the pixels
plan       what a run would do, without a key and without a network
"""
