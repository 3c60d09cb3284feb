"""A throw-away certificate authority and one server certificate for the service's host names."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = dt.timedelta(days=2)


@dataclass(frozen=True)
class Certificates:
    """Where the files of one start lie: the authority, the authority beside the public ones, the server's pair."""

    authority: Path
    bundle: Path
    server: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """Return the context with which a server presents itself."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.key)
        return context


def build_certificates(folder: Path, hosts: list[str]) -> Certificates:
    """Write a new authority and a certificate for `hosts` and 127.0.0.1 into `folder`."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = _server(authority, authority_key, server_key, hosts)
    files = Certificates(*(folder / name for name in ("ca.pem", "bundle.pem", "server.pem", "server.key")))
    pem = authority.public_bytes(serialization.Encoding.PEM)
    files.authority.write_bytes(pem)
    # Other hosts are refused by the proxy, not by a missing root: then the message names the host.
    files.bundle.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + pem)
    files.server.write_bytes(server.public_bytes(serialization.Encoding.PEM) + pem)
    files.key.touch(mode=0o600)
    files.key.write_bytes(_private_bytes(server_key))
    return files


def _private_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: str, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = "bikeml loopback test authority"
    return (
        _builder(name, _name(name), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _server(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    hosts: list[str],
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in [*hosts, "localhost"]]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder("bikeml loopback", authority.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
