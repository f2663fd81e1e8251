"""
File formats of certificates and keys: DER, PEM, PKCS#7, PKCS#8, PKCS#12, Java keystores.
"""
