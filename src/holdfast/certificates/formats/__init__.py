"""
The files that certificates and keys come in: DER, PEM, PKCS#7, PKCS#8, PKCS#12, Java keystores.
"""
