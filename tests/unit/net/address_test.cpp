#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <verdin/net/address.hpp>

using verdin::net::Address;
using verdin::net::Family;

namespace {

TEST(Address, prints_what_it_reads) {
  for (const char* text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:0",
                           "[2001:db8::1:0:0:1]:443", "[::ffff:192.0.2.1]:8080", "[fe80::1%lo]:80",
                           "[fe80::1%4000000]:80", "unix:/run/app.sock", "unix:relative", "unix:@name"}) {
    const Address address = Address::parse(text);
    EXPECT_EQ(address.to_string(), text);
    EXPECT_EQ(Address::parse(address.to_string()), address);
  }
  EXPECT_EQ(Address::parse("[2001:DB8:0:0::1]:1").to_string(), "[2001:db8::1]:1");
  EXPECT_EQ(Address().to_string(), "-");
}

TEST(Address, without_a_port_takes_the_default_or_is_refused) {
  EXPECT_EQ(Address::parse("192.0.2.1", 80).to_string(), "192.0.2.1:80");
  EXPECT_EQ(Address::parse("192.0.2.1:81", 80).port(), 81);
  EXPECT_EQ(Address::parse("[::1]", 80).to_string(), "[::1]:80");
  EXPECT_EQ(Address::parse("::1", 80).to_string(), "[::1]:80");
  EXPECT_EQ(Address::parse("2001:db8::5", 80).host(), "2001:db8::5");
  EXPECT_FALSE(Address::try_parse("192.0.2.1"));
  EXPECT_FALSE(Address::try_parse("::1"));
}

TEST(Address, refuses_what_is_none) {
  for (const char* text : {"",
                           ":",
                           ":80",
                           "localhost:80",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1: 80",
                           "127.0.0.1:0x50",
                           "127.1:80",
                           "1.2.3.4.5:80",
                           "01.2.3.256:80",
                           "[::1:80",
                           "::1]:80",
                           "[::1]80",
                           "[127.0.0.1]:80",
                           "[]:80",
                           "[::1%]:80",
                           "[::1%no such zone here]:80",
                           "[:::1]:80",
                           "unix:",
                           " 127.0.0.1:80"}) {
    EXPECT_FALSE(Address::try_parse(text, 1)) << text;
    EXPECT_THROW(Address::parse(text, 1), std::invalid_argument) << text;
  }
  EXPECT_FALSE(Address::try_parse_ip(std::string_view("127.0.0.1\0x", 11), 1));
  EXPECT_FALSE(Address::try_parse(std::string_view("unix:/a\0b", 9)));
  EXPECT_FALSE(Address::try_parse("unix:/" + std::string(107, 'x')));
  EXPECT_TRUE(Address::try_parse("unix:/" + std::string(106, 'x')));
  EXPECT_THROW(Address::unix_path(""), std::invalid_argument);
  EXPECT_THROW(Address::unix_path(std::string(108, 'x')), std::invalid_argument);
  EXPECT_THROW(Address::unix_abstract(std::string(108, 'x')), std::invalid_argument);
}

TEST(Address, knows_what_kind_it_is) {
  EXPECT_TRUE(Address::any_ipv4(1).is_unspecified());
  EXPECT_TRUE(Address::any_ipv6(1).is_unspecified());
  EXPECT_TRUE(Address::loopback_ipv4(1).is_loopback());
  EXPECT_TRUE(Address::loopback_ipv6(1).is_loopback());
  EXPECT_TRUE(Address::parse("[::ffff:127.0.0.9]:1").is_loopback());
  EXPECT_FALSE(Address::parse("[::2]:1").is_loopback());
  EXPECT_TRUE(Address::parse("224.0.0.1:1").is_multicast());
  EXPECT_TRUE(Address::parse("[ff02::1]:1").is_multicast());
  EXPECT_FALSE(Address::parse("192.0.2.1:1").is_multicast());
  EXPECT_TRUE(Address::parse("169.254.1.1:1").is_link_local());
  EXPECT_TRUE(Address::parse("[fe80::1]:1").is_link_local());
  EXPECT_FALSE(Address::parse("[fec0::1]:1").is_link_local());
  EXPECT_FALSE(Address().is_ip());
  EXPECT_FALSE(Address());
  EXPECT_EQ(Address::parse("[fe80::1%7]:1").scope_id(), 7U);
}

TEST(Address, a_mapped_one_is_an_ipv4_address_too) {
  const Address mapped = Address::parse("[::ffff:192.0.2.1]:8080");
  EXPECT_TRUE(mapped.is_ipv4_mapped());
  EXPECT_EQ(mapped.unmapped(), Address::parse("192.0.2.1:8080"));
  EXPECT_NE(mapped, mapped.unmapped());
  EXPECT_EQ(Address::loopback_ipv6(1).unmapped(), Address::loopback_ipv6(1));
}

TEST(Address, is_compared_by_everything_that_tells_it_apart) {
  const std::vector<Address> all{
      Address(),
      Address::parse("10.0.0.1:1"),
      Address::parse("10.0.0.1:2"),
      Address::parse("10.0.0.2:1"),
      Address::parse("[::1]:1"),
      Address::parse("[::1%3]:1"),
      Address::unix_path("/a"),
      Address::unix_path("/b"),
      Address::unix_abstract("a"),
      Address::unix_abstract(std::string("a\0", 2)),
      Address::unix_path("/ab"),
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      EXPECT_EQ(all[i] == all[j], i == j) << i << ' ' << j;
      EXPECT_EQ(all[i]<all[j], all[j]> all[i]) << i << ' ' << j;
    }
  }
  EXPECT_EQ(Address::parse("10.0.0.1:1").with_port(2), all[2]);
  EXPECT_EQ(Address::unix_path("/a").with_port(2), Address::unix_path("/a"));
}

TEST(Address, takes_what_the_kernel_gives) {
  const Address ipv4 = Address::parse("192.0.2.1:80");
  EXPECT_EQ(Address(ipv4.data(), ipv4.size()), ipv4);
  EXPECT_EQ(Address(ipv4.data(), ipv4.size() - 1).family(), Family::none);
  EXPECT_EQ(Address(nullptr, 0), Address());

  sockaddr_un unnamed{};
  unnamed.sun_family = AF_UNIX;
  const Address nameless(reinterpret_cast<const sockaddr*>(&unnamed), sizeof unnamed.sun_family);
  EXPECT_TRUE(nameless.is_unix());
  EXPECT_FALSE(nameless.is_abstract());
  EXPECT_EQ(nameless.path(), "");
  EXPECT_EQ(nameless.to_string(), "unix:");

  sockaddr_un full{};  // a path that fills the field, with no NUL counted, as a kernel may give it
  full.sun_family = AF_UNIX;
  std::string("/x").copy(full.sun_path, 2);
  const Address path(reinterpret_cast<const sockaddr*>(&full), offsetof(sockaddr_un, sun_path) + 2);
  EXPECT_EQ(path, Address::unix_path("/x"));
  EXPECT_EQ(Address(reinterpret_cast<const sockaddr*>(&full), sizeof full), path);

  sockaddr other{};
  other.sa_family = AF_APPLETALK;
  EXPECT_EQ(Address(&other, sizeof other), Address());
}

TEST(Address, gives_its_parts) {
  const Address ipv6 = Address::parse("[2001:db8::1]:443");
  EXPECT_EQ(ipv6.host(), "2001:db8::1");
  EXPECT_EQ(ipv6.ip().size(), 16U);
  EXPECT_EQ(ipv6.ip()[0], 0x20);
  EXPECT_EQ(Address::loopback_ipv4(1).ip()[0], 127);
  EXPECT_EQ(Address::unix_path("/a").host(), "");
  EXPECT_EQ(Address::unix_abstract(std::string("a\0b", 3)).path(), std::string("a\0b", 3));
  EXPECT_TRUE(Address::unix_abstract("a").is_abstract());
}

}  // namespace
